"""An app that changes a column while it is used: `name` of a badge becomes `title`, over four releases of its code.

| release | writes | reads | before it |
| --- | --- | --- | --- |
| 1 | name | name | |
| 2 | both | name | expand: `title` is added, with a default of the database, and `name` gets one |
| 3 | both | title | what release 1 wrote is filled |
| 4 | title | title | |
| | | | contract, when no release 3 runs any more: `name` is dropped |

`python -m tests.releases` is a process of the release that RELEASE names.
"""
