"""Make the bundled sample export again: `python -m demo.make_export`."""

from __future__ import annotations

from demo import bundle


def main() -> None:
    """Write `demo/amplitude-export.zip` from the sample company."""
    bundle.write(bundle.BUNDLE, bundle.sample_company().hours())
    size = bundle.BUNDLE.stat().st_size
    print(f"{bundle.BUNDLE.name}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
