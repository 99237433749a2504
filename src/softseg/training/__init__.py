"""Training of feature networks: photos with label maps in, weights for an extractor out.

One module per step of the story: ``config`` says what a run is; ``data`` finds photos with label maps and
cuts augmented crops; ``sampling`` picks the pixels to compare; ``losses`` scores the features of all pairs;
``loop`` takes the steps; ``validation`` scores whole photos; ``networks`` lists what can be trained.
Importing the package does not import torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
