"""A web page on which a photograph is dropped, asked about and segmented."""
