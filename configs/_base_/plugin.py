custom_imports = dict(imports=['qaclims_mm.plugin'], allow_failed_imports=False)
