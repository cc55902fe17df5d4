/**
 * Gives a role what the service cannot send through a pooler, as README.md has it.
 *
 * @param {string} role
 * @returns {string} SQL
 */
export function roleSettings(role) {
  return `
    ALTER ROLE ${role} SET default_transaction_isolation = 'read committed';
    ALTER ROLE ${role} SET statement_timeout = '2500ms';
    ALTER ROLE ${role} SET lock_timeout = '2000ms';
    ALTER ROLE ${role} SET idle_in_transaction_session_timeout = '10s'`;
}
