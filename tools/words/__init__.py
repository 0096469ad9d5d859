"""Make the table of word vectors that ships with sktransfer."""
