# What the answers about an image are worth beside fixed texts of its class, all else being equal.
# The paper compares with CLIMS, whose network and losses are others too. MiniWorld's plan alone has
# the fixed texts as a stage.
title = 'Answers and fixed texts'
variants = dict(
    ritc=dict(title='no answers (RITC without QAPE)', stage='ritc', paper=60.2),
    fixed=dict(title='fixed texts of the class', stage='fixed'),
    qa_clims=dict(title='answers about the image', paper=67.3),
)
