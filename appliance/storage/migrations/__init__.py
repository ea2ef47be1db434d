"""How an older database becomes today's: one folder for each group, one small file for each step.

Each group is a branch of its own in Alembic's sense, so that a database may have some groups and not others.
DDL is not transactional on MariaDB: a step that fails half-way leaves its first half. So every step can run
again and finds what is there already, and the first step of a group makes the tables as they are today; a
later step that adds a column looks whether the column is there. Nothing goes down: a step only
adds, and what it makes superfluous is removed one release later, so that the release before works with it.
"""

from __future__ import annotations
