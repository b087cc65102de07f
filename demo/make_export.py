"""Make the bundled sample exports again: `python -m demo.make_export`."""

from __future__ import annotations

from demo import bundle, mixpanel_bundle


def main() -> None:
    """Write `demo/amplitude-export.zip` and `demo/mixpanel-export.zip` from what they sample."""
    bundle.write(bundle.BUNDLE, bundle.sample_company().hours())
    sample = mixpanel_bundle.sample_of(mixpanel_bundle.sample_export())
    mixpanel_bundle.write(mixpanel_bundle.BUNDLE, sample)
    for path in (bundle.BUNDLE, mixpanel_bundle.BUNDLE):
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
