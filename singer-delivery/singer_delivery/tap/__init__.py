"""What taps do alike below the Singer SDK: disk, order, broken lines, files handed over."""
