"""Pages from a template: the typst engine, an optional extra. Same input, same bytes."""

from __future__ import annotations

import io
import json
from importlib import resources
from typing import Any

from bootkeep.facts.errors import BootkeepError

#: What to do where the extra is not installed.
INSTALL_HINT = "Install it with: pip install 'bootkeep[pdf]'. The text and HTML forms need nothing."


def typeset(template: str, document: dict[str, Any], *, paper: str = "a4") -> bytes:
    """The PDF of ``bootkeep/reports/<template>`` filled with a document, its input of the same name.

    ``paper`` is ``a4`` or ``letter``.
    System fonts are ignored: the engine and ``reports/fonts`` bring their own, so that every machine prints the same page.
    Raises BootkeepError when the engine is missing or refuses the document.
    """
    try:
        import typst
    except ImportError as error:
        raise BootkeepError(
            "the PDF engine typst is not installed", where=str(error), next_step=INSTALL_HINT
        ) from error
    source = resources.files("bootkeep.reports").joinpath(template).read_bytes()
    inputs: dict[str, str] = {template.partition(".")[0]: json.dumps(document, ensure_ascii=True), "paper": paper}
    try:
        with resources.as_file(resources.files("bootkeep.reports").joinpath("fonts")) as fonts:
            known = typst.Fonts(include_system_fonts=False, font_paths=[str(fonts)])
            done = typst.compile(source, sys_inputs=inputs, ignore_system_fonts=True, font_paths=known)
    except (RuntimeError, ValueError) as error:
        raise BootkeepError(
            f"the PDF could not be made: {error}", where=template, next_step="Use the text form, and report this."
        ) from error
    if not isinstance(done, bytes):
        raise BootkeepError(
            "the PDF engine gave no document", where=template, next_step="Use the text form, and report this."
        )
    return done


def qr_code(text: str) -> str:
    """A QR code as SVG (error correction M); empty where the extra is not installed: it repeats what is printed beside it."""
    try:
        import segno
    except ImportError:
        return ""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=2, xmldecl=False)
    return out.getvalue().decode("ascii")
