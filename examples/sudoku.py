"""A Sudoku whose rules leave one grid, so that no pass of the model is needed, and one that they leave open."""

import constrain

model = constrain.load()
puzzle = constrain.Sudoku("""
    53. | .7. | ...
    6.. | 195 | ...
    .98 | ... | .6.
    ----+-----+----
    8.. | .6. | ..3
    4.. | 8.3 | ..1
    7.. | .2. | ..6
    ----+-----+----
    .6. | ... | 28.
    ... | 419 | ..5
    ... | .8. | .79
""")
result = model.generate("Solve this Sudoku.", puzzle)
print(result.board)
by = result.relations
print(f"{result.passes} passes: {by.given} cells given, {by.by_propagation} by propagation, {by.by_search} by search\n")

variants = constrain.Sudoku(
    "." * 36,
    diagonal=True,
    cages=[(3, [(1, 1), (1, 2)]), (11, [(1, 3), (2, 3)])],  # row and column, from 1
    thermometers=[[(6, 3), (5, 3), (4, 3)]],
)
result = model.generate("Fill in the grid.", variants, max_passes=2)
print(result.board)
print("one solution" if result.relations.unique else f"the model chose {result.relations.by_model} cells")

grid = result.value
grid[0][0], grid[0][2] = grid[0][2], grid[0][0]
print(*variants.check(grid), sep="\n")  # the rules that this breaks, with their cells
