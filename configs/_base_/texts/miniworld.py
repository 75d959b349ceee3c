# CLIMS's fixed texts: the names and the ground of the scene that nine in ten of a class stand in
scene_texts = {
    'aeroplane': ['airport', 'airfield', 'runway', 'tarmac'],
    'bird': ['forest', 'woods', 'wilderness', 'branch'],
    'boat': ['lake', 'sea', 'harbor', 'water'],
    'car': ['street', 'city', 'town', 'road'],
    'cat': ['living room', 'indoors', 'house', 'carpet'],
    'potted plant': ['kitchen', 'home', 'apartment', 'table'],
    'sheep': ['meadow', 'field', 'farm', 'grass'],
    'train': ['station', 'railway', 'countryside', 'tracks'],
}
