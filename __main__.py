"""What runs without the graph editor: ``python PATH_TO_PACK run WORKFLOW.json --table prompts.csv``, doctor, spending."""

import sys

if __name__ == "__main__":
    # Run by its folder's path, the pack is no package: that folder stands first on the path.
    from nodes.headless.cli import main

    sys.exit(main())
