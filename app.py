"""python app.py --port 8080: the same program as srunx-web."""

import sys

from srunx_web.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
