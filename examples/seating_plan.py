"""A seating plan: who sits where at a round table of six, and who speaks, under rules of one's own."""

import constrain
from constrain import AllDifferent, Less, Puzzle, Relation

guests = ["ada", "bob", "cyd", "dan", "eve", "fay"]


def side_by_side(one: int, other: int) -> bool:
    return (one - other) % 6 in (1, 5)


def apart(one: int, other: int) -> bool:
    return not side_by_side(one, other)


plan = Puzzle(
    "".join(f"{guest} has seat {{{guest}}},\n" for guest in guests) + "and {speaker} speaks.",
    {**{guest: range(1, 7) for guest in guests}, "speaker": ["ada", "bob"]},
    [
        AllDifferent(guests, label="one guest to a seat"),
        Relation(apart, ["ada", "bob"], label="ada and bob are apart"),
        Relation(side_by_side, ["eve", "fay"], label="eve sits beside fay"),
        Less("cyd", "dan"),
        Relation(
            lambda seat, who: (who == "ada") == (seat == 1),
            ["ada", "speaker"],
            label="ada speaks if in seat 1, and only then",
        ),
    ],
    given={"cyd": 2},
)
result = constrain.load().generate("Seat the guests.", plan, max_passes=4)
print(result.text)
print(f"{result.passes} passes; the model chose {result.relations.by_model} of {result.relations.variables}")

crowded = {**result.value, "bob": result.value["ada"]}
print(*plan.check(crowded), sep="\n")
try:
    Puzzle("{ada} {bob}", {"ada": [1], "bob": [1]}, [AllDifferent("ada", "bob")], given={"ada": 1, "bob": 1})
except constrain.SpecError as error:
    print(error)
