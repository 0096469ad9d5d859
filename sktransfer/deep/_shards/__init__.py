"""Features of many files: shard by shard into a folder of Parquet files, and out of it."""
