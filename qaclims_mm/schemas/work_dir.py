"""Names of the files and folders of a work dir, which the workflow fills and reports read."""

# manifests of the stages that are done, their logs, and how they ran
DONE, LOGS, RUNS = 'done', 'logs', 'runs.json'
# IoU at every threshold, in a stage's folder
CURVE = 'curve.json'
CORPUS = 'qape/corpus'
