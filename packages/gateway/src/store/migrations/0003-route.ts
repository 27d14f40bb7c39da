/** Where an exchange was to go and went, as JSON; NULL where it simply went to its first target. */
export const route = `
ALTER TABLE ledger ADD COLUMN route TEXT;
`;
