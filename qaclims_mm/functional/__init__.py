"""Pure torch functions of the method: no state, no config, no mmengine."""
