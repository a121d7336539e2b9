"""What fresh cases are worded with: names of nothing that exists, things, places, people."""

from random import Random

_HEADS = ("Vor", "Quil", "Brax", "Tesh", "Lom", "Drav", "Ysk", "Fen", "Gorl", "Nim", "Pelt", "Zur", "Hask", "Ombr")
_MIDDLES = ("ela", "ondi", "ava", "urri", "eko", "ima", "oth", "ister", "anu", "ebri")
_TAILS = ("moor", "stead", "vik", "dan", "quist", "holm", "bury", "zelt", "mire", "gart")

OBJECTS = ("lantern", "kettle", "compass", "violin", "tent", "ladder", "blanket", "telescope", "bucket", "saddle")
COLOURS = ("red", "blue", "green", "yellow", "purple", "orange", "silver", "brown", "white", "black")
PEOPLE = ("Asha", "Bruno", "Carla", "Dmitri", "Elif", "Femi", "Greta", "Hiro", "Ines", "Jonas", "Kira", "Liam")
CITIES = ("Lisbon", "Oslo", "Nairobi", "Lima", "Kyoto", "Cairo", "Quito", "Riga", "Hanoi", "Perth", "Turin", "Accra")
TOPICS = (
    "keeping bees", "baking bread", "riding a bicycle", "growing tomatoes", "learning the piano", "sailing", "chess",
    "walking in the hills", "mending clothes", "watching birds", "rivers", "volcanoes", "tea", "the moon", "winter",
)  # fmt: skip


def invented(random: Random) -> str:
    """A name that nothing bears."""
    return random.choice(_HEADS) + random.choice(_MIDDLES) + random.choice(_TAILS)
