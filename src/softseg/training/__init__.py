"""Training of feature networks: photos with label maps give the weights of an extractor.

Each step has a module. ``config`` defines what a run is. ``data`` finds photos with label maps and cuts
augmented crops. ``sampling`` draws the pixels that are compared. ``losses`` scores the features of all pairs
of pixels. ``loop`` takes the steps. ``validation`` scores whole photos. ``networks`` lists the networks that
can be trained. Importing the package does not import torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
