"""python -m analysis: see workflow/command.py."""

import sys

from analysis.workflow.command import main

sys.exit(main())
