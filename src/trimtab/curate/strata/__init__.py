"""How hard rows are, which shares they have of the mix, and how many hard ones are salted into it."""
