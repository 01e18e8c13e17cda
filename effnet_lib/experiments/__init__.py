"""The scripts that make the book's measured tables: ``python -m effnet_lib.experiments.<name>``.

Each writes every finished training run to a journal at once, takes up where it stopped, uses several
processes, and writes ``effnet_lib/results/<table>.json`` with what made it.
"""
