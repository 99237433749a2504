"""The sum of affinities that is used wherever none is given: the published one."""

from softseg.affinity.color import ColorAffinity
from softseg.affinity.matting import MattingAffinity
from softseg.affinity.semantic import SemanticAffinity

#: The affinity whose Laplacian the method decomposes, with the published weights (Aksoy et al. 2018, Section
#: 3.3).
AFFINITY = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()
