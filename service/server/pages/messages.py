"""Every sentence that the pages' Python code says to a reporter, in English; catalogues have the other languages.

No sentence repeats what a reporter typed. `N_` only marks a sentence for the catalogues (service.server.locales).
"""

from __future__ import annotations

from typing import Final


def N_(sentence: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a sentence for translation and give it back."""
    return sentence


WHAT_EMPTY: Final = N_("Write at least one sentence about what happened.")
TOO_LONG: Final = N_("This is too long. At most so many characters fit: %(limit)s")
TOO_MANY: Final = N_("These are too many. At most so many fit: %(limit)s")
NOT_AN_ANSWER: Final = N_("Choose one of the answers.")
TOO_FEW: Final = N_("Too few people would remain. Leave fewer out, or agree that it goes to the other group.")
TOO_FEW_AT_ALL: Final = N_(
    "Too few people would remain, and the group has named no other group to go to. Leave fewer out."
)
PEOPLE_CHANGED: Final = N_("The people of the group have changed. Please look at the list again.")
FILES_TOO_LARGE: Final = N_("Everything together is over 8 MB. Leave a file out, or send a smaller one.")
FILE_DAMAGED: Final = N_("A file is damaged. Leave it out, or keep the originals to send it as it is.")
FILE_NOT_CLEANED: Final = N_(
    "What one of the files hides can't be removed. Leave it out, or keep the originals to send it as it is."
)
FILES_AGAIN: Final = N_("Your browser forgets chosen files here: please choose them again.")
BUSY: Final = N_("Many are writing just now. Please send it again in a moment.")
SENT_BEFORE: Final = N_("This form was sent before. If you did not get a code, send it again.")
PAGE_TOO_OLD: Final = N_("This page was open for very long. Please send it once more.")
CODE_COUNT: Final = N_("A reply code is twelve words; you typed another number.")
CODE_POSITIONS: Final = N_("Look again at these words, counted from the first:")
CODE_CHECKSUM: Final = N_(
    "All words are in the list, but they do not belong together: one is wrong, or two are swapped."
)
CODE_UNCLEAR: Final = N_("These words are a code in more than one language. Type them in full.")
WORD_WRONG: Final = N_("That is not it. Look at what you wrote down and try again.")
UNREAD: Final = N_("New letters came in the meantime. Read them first.")
NOBODY_LEFT: Final = N_(
    "Nobody who read your report is in the group any more. Your code stays as it is; please write a new report."
)

STATES: Final = {
    "received": N_("Your report was received."),
    "looking": N_("Your report is being looked at."),
    "mediation": N_("Somebody is talking with the people concerned (mediation)."),
    "decided": N_("A decision was made."),
    "closed": N_("The case was closed."),
}

REMOVED: Final = {
    "place (GPS)": N_("place"),
    "camera": N_("camera"),
    "date and settings": N_("date and settings"),
    "software": N_("software"),
    "author": N_("author"),
    "editing history (XMP)": N_("editing history"),
    "comments": N_("comments"),
}
REMOVED_OTHER: Final = N_("other hidden data")

RECEIVED: Final = (
    N_("It was received"),
    N_(
        "Your new words open the answers. Come back in a few days; the group writes at least once a week while it "
        "takes long."
    ),
)
NO_REPORTS: Final = ("No group takes reports here yet.",)  # marked for the catalogues in start.html
RELOAD: Final = N_(
    "Load this page again: it sends what you typed once more; agree if your browser asks. Do not go back: that would "
    "lose it."
)
NOT_FOUND: Final = (
    N_("There is no such page"),
    N_("Look at the address again, or begin at the start."),
)
TOO_LARGE: Final = (
    N_("That is too large"),
    N_("Everything together is over 8 MB. Leave a file out, or send a smaller one."),
)
MALFORMED: Final = (
    N_("That could not be read"),
    N_("Nothing was sent. Please go back, load the page anew and try again."),
)
UNAVAILABLE: Final = (
    N_("Not available just now"),
    N_("Nothing was sent. Please try again in a few minutes."),
)
BROKEN: Final = (
    N_("Something went wrong"),
    N_("It is our fault, not yours. Nothing was sent. Please try again in a few minutes."),
)
CROWDED: Final = (UNAVAILABLE[0], BUSY)
CUT_OFF: Final = (BROKEN[0],)
"""Too slow: what to do about it is all there is to say."""
