"""Test cases that every part written for softseg should pass, its own and those of other packages.

They need pytest: ``pip install "softseg[test]"``. A test case is a class to inherit from: name yours
``Test...``, give it the part and what the case cannot know, and pytest runs all that the part must do::

    from softseg.testing import AffinityCase, means, representatives, touching

    class TestDepthAffinity(AffinityCase):
        others = {"mode": "fast"}            # another valid value of what is not declared a float

        @pytest.fixture
        def affinity(self):
            return DepthAffinity()

        def oracle(self, scene, affinity):   # the same matrix, dense and by slow loops
            ...

There are `AffinityCase`, `EigensolverCase`, `PreconditionerCase`, `ExtractorCase` and `FormatCase`; the
docstring of each says what to override. The first four have in common the tests of a frozen dataclass, whose
parameters are checked, printed, compared and used. They bring whatever they need, and no fixture of yours is
asked for. A test that cannot hold for your part is left out by ``test_name_of_it = None``, with a comment
that says why.

What pytest shows of an assertion that fails is as detailed as in your own files: this package asks for it
(`pytest.register_assert_rewrite`) when it is imported under pytest. Only if you import its modules before
pytest is imported must you ask for it yourself, at the top of your ``conftest.py``.
"""

import sys

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# The modules with assertions are imported later, when one of their names is first asked for. Without pytest
# there is nothing to ask, and this package must not be what imports it.
if "pytest" in sys.modules:
    sys.modules["pytest"].register_assert_rewrite(
        *(f"{__name__}.{module}" for module in ("affinity", "eigensolver", "extractor", "format", "parts")),
        *(f"{__name__}.{module}" for module in ("parameters", "preconditioner")),
    )
