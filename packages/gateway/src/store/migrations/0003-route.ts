/** Where an exchange was to go and went, as JSON; NULL for a request that was refused before it went anywhere. */
export const route = `
ALTER TABLE ledger ADD COLUMN route TEXT;
`;
