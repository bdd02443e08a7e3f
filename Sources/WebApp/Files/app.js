// The web app starts here: which view the address asks for, and what follows from one to the next.
//
// What stands behind the `#` is an invitation: it never reaches a server's log, only the body of a request.

import { find, show } from './dom.js';
import { openHome } from './home.js';
import { objection } from './invitation.js';
import { closeLobby, openLobby } from './lobby.js';
import { leaveRoom, openRoom } from './room.js';

const end = document.getElementById('end');
let call = null;

function open() {
  const former = call;
  call = null;
  former?.leave();
  closeLobby();
  const invitation = location.hash.slice(1);
  const refusal = invitation && objection(invitation);
  if (refusal) openEnd('This link does not work', refusal);
  else if (invitation) openLobby(invitation, enter);
  else openHome();
}

function openEnd(title, sentence, isOpen = false) {
  document.title = 'Apus';
  find('h1', end).textContent = title;
  find('.why', end).textContent = sentence;
  find('.again', end).hidden = !isOpen;
  show('end');
  find('h1', end).focus();
}

function enter(joining) {
  const started = openRoom(joining, sentence => {
    // Another link was opened meanwhile: its view is the one to see.
    if (call !== started) return;
    if (sentence) openEnd('The call is over for you', sentence, true);
    else openEnd('You have left the call', 'The link stays good until it expires: come back whenever you like.', true);
  });
  call = started;
}

find('.again', end).addEventListener('click', open);
addEventListener('hashchange', open);
// Closing the tab is leaving; coming back to a page that the browser kept is a new visit.
addEventListener('pagehide', leaveRoom);
addEventListener('pageshow', event => { if (event.persisted) open(); });

// For whoever looks into a running call with the browser's tools, and for tests:
// `pc` is the peer connection, `state` joining, connected, reconnecting or ended, `error` the sentence a call has ended with,
// `participants()` who is there and what they offer.
window.apus = {
  get pc() { return call?.pc ?? null; },
  get state() { return call?.state ?? 'idle'; },
  get error() { return call?.error ?? null; },
  participants() {
    return (call?.people.all ?? []).map(({ sid, identity, name, isMe, isSpeaking, quality, tracks }) => ({
      sid, identity, name, isMe, isSpeaking, quality, tracks: tracks.map(track => ({ ...track, isReceived: Boolean(call.receiver(track.sid)) })),
    }));
  },
};

open();
