"""`python -m dawu_qa` is `dawu-qa`."""

from dawu_qa.cli import main

if __name__ == "__main__":
    main()
