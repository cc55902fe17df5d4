-- Up Migration

-- Finds the sessions that have ended. No refresh changes expires_at, so refreshes stay heap-only updates; rotated_at,
-- which they do change, must stay out of every index.
CREATE INDEX refreshaccesstokens_expires_at_idx ON refreshaccesstokens (expires_at);
