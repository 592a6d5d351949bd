"""What an array is, as constraints: data types, units, chunk layouts, codecs, schemas.  Pure values."""
