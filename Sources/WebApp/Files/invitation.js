// What an invitation says of itself. Only the server can tell whether it is genuine; this is for showing.

// → {room, title, expires: Date}, or null where the text is no invitation.
export function readInvitation(text) {
  try {
    const part = text.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(part), character => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    if (claims.apus_invitation !== true || typeof claims.exp !== 'number') return null;
    return { room: String(claims.room), title: claims.title ? String(claims.title) : '', expires: new Date(claims.exp * 1000) };
  } catch {
    return null;
  }
}

// Why nobody can join by this invitation, as far as it says so itself; null where the server should be asked.
export function objection(text) {
  const claims = readInvitation(text);
  if (!claims) return 'It is not complete. Ask whoever invited you to send it again.';
  return claims.expires < new Date() ? 'This invitation has expired. Ask whoever invited you for a new link.' : null;
}
