"""What each simulated source holds: kinds of place, radars, grey scale.

A source's pixel spacing is fixed where its real model's is (HRSID 3 m, FUSAR-Map 3 m); elsewhere each kind
of place has the spacing at which its objects are a few to some tens of pixels across, as in sources that
mix sensors.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """The recipe of one source.

    Attributes:
        themes: kinds of place and their whole-number weights.
        looks: look counts of its radars, one drawn a scene; empty for optical sources.
        polarisations: of its radars, one drawn a scene.
        gain: grey levels at unit amplitude, about.
        resolution_m: metres a pixel; None: by kind of place.
    """

    themes: dict[str, int]
    looks: tuple[int, ...] = ()
    polarisations: tuple[str, ...] = ()
    gain: float = 0.0
    resolution_m: float | None = None


_MIXED = {
    "open sea": 10,
    "coast": 14,
    "harbor": 14,
    "river": 16,
    "countryside": 14,
    "town": 10,
    "airport": 12,
    "tank farm": 12,
    "car park": 8,
}

PLANS: dict[str, Plan] = {
    "hrsid": Plan({"open sea": 50, "coast": 22, "harbor": 28}, (1, 2, 4), ("HH", "VV", "HV"), 200.0, 3.0),
    "sardet-100k": Plan(
        {
            "open sea": 14,
            "coast": 12,
            "harbor": 16,
            "river": 16,
            "airport": 16,
            "tank farm": 12,
            "car park": 14,
        },
        (1, 2, 4),
        ("HH", "VV", "HV"),
        200.0,
    ),
    "msar": Plan(
        {"open sea": 28, "coast": 14, "river": 20, "airport": 14, "tank farm": 24},
        (2, 4),
        ("HH", "HV"),
        200.0,
    ),
    "fusar-map": Plan({"coast": 18, "river": 24, "countryside": 32, "town": 26}, (1, 2), ("HH",), 210.0, 3.0),
    "osdataset": Plan(_MIXED, (2, 4, 6), ("HH", "VV"), 250.0),
    "rsicd": Plan(_MIXED),
    "rs-vqa": Plan(_MIXED),
}
"""By source name, as in ``config/sources``."""
