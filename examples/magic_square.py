"""A magic square with givens: a puzzle stated by its rules, of which the model picks a solution."""

import constrain
from constrain import AllDifferent, Puzzle, Sum

cells = Puzzle.cells(4, 4)  # names of variables, r1c1 to r4c4
diagonals = [[cells[n][n] for n in range(4)], [cells[n][3 - n] for n in range(4)]]
lines = [*cells, *zip(*cells, strict=True), *diagonals]
square = Puzzle.grid(
    range(1, 17),
    (4, 4),
    [AllDifferent(*cells), *(Sum(line, "==", 34) for line in lines)],
    given={"r4c2": 15, "r4c3": 14},  # the year in which Dürer engraved his
)
result = constrain.load().generate("Write a magic square.", square, max_passes=4)
print(result.text)
print({sum(result.value[name] for name in line) for line in lines}, "after", result.passes, "passes")

blank = Puzzle.grid(range(1, 10), (3, 3), [AllDifferent(*Puzzle.cells(3, 3))])
print(*blank.check("123\n456\n788"), sep="\n")  # a rule that a text breaks
