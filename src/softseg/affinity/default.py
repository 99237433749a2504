"""The published sum of affinities, taken wherever none is given (Aksoy et al. 2018, Section 3.3)."""

from softseg.affinity.color import ColorAffinity
from softseg.affinity.matting import MattingAffinity
from softseg.affinity.semantic import SemanticAffinity

AFFINITY = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()
