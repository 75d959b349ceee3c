"""Files of others that a reproduction needs: catalogues, transfers, checksums and archives."""
