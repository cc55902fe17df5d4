-- Up Migration

-- The tables of the Python program that Gatehouse replaces, as SQLAlchemy created them. On its databases they are
-- already there and stay as they are; on an empty database they are created, so that every later migration starts
-- from one and the same shape.

CREATE TABLE IF NOT EXISTS users (
  user_id serial PRIMARY KEY,
  name varchar NOT NULL,
  email varchar NOT NULL UNIQUE,
  location varchar NOT NULL,
  about text,
  password varchar NOT NULL
);

CREATE TABLE IF NOT EXISTS refreshaccesstokens (
  tokenid serial PRIMARY KEY,
  tokens text UNIQUE,
  type varchar,
  user_id integer REFERENCES users (user_id)
);
