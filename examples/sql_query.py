"""A query that parses, whatever the model knows: the grammar ships with the package, and `&` narrows it down.

The bundled model has never seen SQL, so that what it asks for is nonsense; a larger one brings the sense.
"""

import constrain

sql = constrain.Grammar.named("sql")
model = constrain.load()
simple = sql & constrain.Regex("SELECT [a-z]{3,8} FROM [a-z]{3,9} WHERE [a-z]{3,8} = '[A-Z][a-z]+'( LIMIT [1-9])?")
for spec in (sql, simple):
    result = model.generate("Names of the customers in Oslo, please.", spec, max_passes=8, max_new_tokens=64)
    print(result.text)
    print(f"  in the language: {sql.accepts(result.text)}; {result.passes} passes, log Z {result.log_z:.2f}")
print(*sql.bounded, sep="\n")

query = "SELECT name, COUNT(*) FROM orders WHERE city = 'Oslo' AND (total > 30 OR note IS NULL) GROUP BY name"
for text in (query, query.replace("FROM", "FORM")):
    print(f"{sql.accepts(text)!s:5} {text}")
