"""The database: tables, and the queries of each part of the business in a file of its own."""
