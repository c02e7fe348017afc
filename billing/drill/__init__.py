"""The ledger's fault drill: random operations over many connections, with connections cut and processes killed
in the middle of them, and then the proof that the books agree (`manage.py ledger_drill`).

Its own book is kept outside of the database: every worker writes down what it is going to do before it does it, and
how that ended (`journal`). A worker that was killed is started again and repeats, under the same key, what it has no
ending for. In the end those journals and the database must tell the same story (`books`).
"""
