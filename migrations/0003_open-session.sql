-- Up Migration

-- Opens a session and returns its row, provided that the user's password is still the one that was checked; returns no
-- row otherwise. Ends the user's expired and idle sessions, and the oldest ones beyond in_sessions_max with the new one.
--
-- A function, as one statement cannot do this: its snapshot is older than the lock it waits for. Here each statement
-- has a snapshot of its own, so what follows the lock sees every session that was opened before (READ COMMITTED).
-- The lock also waits for a change of the password that is under way. It does not stand in the way of foreign keys.
-- Rows are locked in the order of their ids, here as everywhere, so that no two statements wait for each other.
-- Unqualified names follow the caller's search path, as in every other statement.
CREATE FUNCTION open_session(
  in_user_id bigint,
  in_password text,
  in_tokens bytea,
  in_lifetime_seconds integer,
  in_idle_seconds integer,
  in_user_agent text,
  in_ip text,
  in_sessions_max integer
) RETURNS SETOF refreshaccesstokens
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM FROM users WHERE user_id = in_user_id AND password = in_password FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;

  -- Ranked rather than limited: ORDER BY and LIMIT could tempt the planner to walk the primary key of all users
  WITH alive AS (
    SELECT tokenid, row_number() OVER (ORDER BY tokenid DESC) AS rank
    FROM refreshaccesstokens
    WHERE user_id = in_user_id
      AND expires_at > now() AND rotated_at + idle_seconds * interval '1 second' > now()
  ), doomed AS (
    SELECT tokenid FROM refreshaccesstokens
    WHERE user_id = in_user_id AND tokenid NOT IN (SELECT tokenid FROM alive WHERE rank < in_sessions_max)
    ORDER BY tokenid
    FOR UPDATE
  )
  DELETE FROM refreshaccesstokens AS session USING doomed WHERE session.tokenid = doomed.tokenid;

  RETURN QUERY
  INSERT INTO refreshaccesstokens
    (tokens, user_id, created_at, rotated_at, expires_at, idle_seconds, user_agent, ip)
  VALUES
    (in_tokens, in_user_id, now(), now(), now() + in_lifetime_seconds * interval '1 second', in_idle_seconds,
      in_user_agent, in_ip)
  RETURNING *;
END
$$;
