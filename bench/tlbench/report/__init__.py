"""How results are shown: terminal, Markdown, JUnit XML, HTML."""
