/** What a client key may use, as a JSON object; NULL for as much as it wants. */
export const keyLimits = `
ALTER TABLE keys ADD COLUMN limits TEXT;
`;
