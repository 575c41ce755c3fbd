/** The one client of the peer: its call centre. */
export const cibaClient = { client_id: "call-centre", client_secret: "a-client-secret-of-the-benchmark-only" } as const;
export const cibaGrantType = "urn:openid:params:grant-type:ciba";
