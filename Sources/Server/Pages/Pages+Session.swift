extension Pages {
    static let sessionScript = #"""
        // What /publish and /watch share: the page's controls, and one WHIP or WHEP session (RFC 9725).

        // An error whose message is meant for the person in front of the page; a temporary one may be gone when the page tries again.
        export function sentence(text, isTemporary = false) {
          return Object.assign(new Error(text), { isSentence: true, isTemporary });
        }

        // How often a page starts over by itself, with how long a pause at most, and after how long a connection that has been good counts
        // anew. Of two pages with one token each would end the other's session for ever: none lasts longer than the other's pause.
        const TRIES = 30;
        const LONGEST_PAUSE = 10_000;
        const LASTING = 30_000;

        const wait = (ms, signal) => new Promise((resolve, reject) => {
          const timer = setTimeout(resolve, ms);
          signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
        });

        export class Page {
          constructor() {
            this.parameters = new URLSearchParams(location.search);
            for (const [name, value] of new URLSearchParams(location.hash.slice(1))) this.parameters.set(name, value);
            const find = (name) => document.querySelector(`[data-testid="${name}"]`);
            this.video = find("video");
            this.statusLine = find("status");
            this.startButton = find("start");
            this.stopButton = find("stop");
            this.form = document.querySelector("form");
            this.session = null;
            this.stopping = null;
            this.tries = 0;
            this.onstart = async () => {};
            this.onstop = () => {};
            // For tests, and for whoever is curious in the console.
            window.apus = { pc: null, state: "idle", error: null };
            for (const name of ["room", "token"]) this.form.elements[name].value = this.parameters.get(name) ?? "";
            this.form.hidden = Boolean(this.room && this.token);
          }

          get room() { return this.form.elements.room.value.trim(); }
          get token() { return this.form.elements.token.value.trim(); }

          ready() {
            this.startButton.addEventListener("click", () => this.start());
            this.stopButton.addEventListener("click", () => this.stop());
            this.form.addEventListener("submit", (event) => { event.preventDefault(); this.start(); });
            window.addEventListener("pagehide", () => this.session?.leave());
            if (this.parameters.get("autostart") !== "1") return;
            if (document.readyState === "complete") this.start();
            else window.addEventListener("load", () => this.start(), { once: true });
          }

          show(state, text) {
            window.apus.state = state;
            this.statusLine.textContent = text;
            this.statusLine.classList.toggle("error", state === "failed");
          }

          start() {
            if (this.startButton.disabled) return;
            this.startButton.disabled = true;
            this.stopButton.disabled = false;
            this.stopping = new AbortController();
            this.tries = 0;
            window.apus.error = null;
            return this.attempt(async () => {
              if (!this.room || !this.token) throw sentence("A room and an access token are needed.");
              try { await this.onstart(); } catch (error) {
                // Whoever waits for a publisher goes on waiting when the server is started anew.
                if (!error.isTemporary || window.apus.state !== "waiting") throw error;
                await this.startOver();
              }
            });
          }

          // What goes wrong is said, unless the page was stopped meanwhile.
          async attempt(action) {
            const { signal } = this.stopping;
            try {
              await action(signal);
            } catch (error) {
              if (!signal.aborted) this.fail(error);
            }
          }

          fail(error) {
            const text = error?.isSentence ? error.message : `Something went wrong: ${error?.message ?? error}`;
            this.stop();
            window.apus.error = text;
            this.show("failed", text);
          }

          // Anew, with another connection: this one is lost, and the server may be away for a while. A camera that is open stays so.
          startOver() {
            if (this.session.lasted > LASTING) this.tries = 0;
            return this.attempt(async (signal) => {
              this.show("disconnected", "The connection is lost. Connecting again…");
              for (;;) {
                this.session.leave();
                const pause = this.tries === 0 ? 0 : Math.min(LONGEST_PAUSE, 250 * 2 ** this.tries);
                await wait(pause * (0.75 + Math.random() / 2), signal);
                this.tries += 1;
                try {
                  return await this.onstart();
                } catch (error) {
                  signal.throwIfAborted();
                  if (!error.isTemporary || this.tries >= TRIES) throw error;
                }
              }
            });
          }

          stop() {
            this.stopping?.abort();
            this.session?.leave();
            this.session = null;
            this.onstop();
            this.onstop = () => {};
            this.startButton.disabled = false;
            this.stopButton.disabled = true;
            this.show("stopped", "Stopped.");
          }
        }

        // Leaves one codec (and its retransmissions) in the offer.
        export function preferCodec(transceiver, name) {
          const all = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
          const wanted = all.filter((codec) => codec.mimeType.toLowerCase() === `video/${name.toLowerCase()}`);
          if (wanted.length === 0) throw sentence(`This browser does not have the codec ${name}.`);
          transceiver.setCodecPreferences([...wanted, ...all.filter((codec) => codec.mimeType.toLowerCase() === "video/rtx")]);
        }

        export class Session {
          constructor(page, path) {
            this.page = page;
            this.path = path;
            this.resource = null;
            this.entityTag = null;
            this.isRestarting = false;
            this.hasFailed = false;
            this.connectedAt = null;
            this.abort = new AbortController();
            this.pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
            page.session = this;
            window.apus.pc = this.pc;
          }

          headers(type) { return { Authorization: `Bearer ${this.page.token}`, "Content-Type": type }; }

          // Offers, and answers to what the server says. `text` is shown once media flows.
          async start(text) {
            if (window.apus.state !== "disconnected") this.page.show("connecting", "Connecting…");
            this.text = text;
            this.pc.addEventListener("connectionstatechange", () => this.connectionChanged());
            await this.pc.setLocalDescription();
            // The server answers checks from wherever they come: our own candidates need not be told.
            const answer = await this.post(this.pc.localDescription.sdp);
            if (this.abort.signal.aborted) return;
            await this.pc.setRemoteDescription({ type: "answer", sdp: answer });
            // A goodbye of the server's is heard at once; its silence would tell many seconds later.
            const { transport } = this.pc.getTransceivers()[0].receiver;
            transport.addEventListener("statechange", () => {
              if (transport.state === "closed" && !this.abort.signal.aborted) this.page.startOver();
            });
          }

          // For how long there has been a connection, ms.
          get lasted() { return this.connectedAt === null ? 0 : performance.now() - this.connectedAt; }

          async post(offer) {
            for (;;) {
              const response = await this.fetch(this.path, { method: "POST", headers: this.headers("application/sdp"), body: offer });
              if (response.status === 201) {
                this.resource = new URL(response.headers.get("Location"), response.url);
                this.entityTag = response.headers.get("ETag");
                // Stop was pressed while the answer was on its way: the session exists, and must go.
                if (this.abort.signal.aborted) this.leave();
                return await response.text();
              }
              this.abort.signal.throwIfAborted();
              const said = (await response.text()).trim();
              if (response.status !== 409) throw this.refusal(response.status, said);
              const seconds = Math.min(30, Math.max(1, Number(response.headers.get("Retry-After")) || 2));
              this.page.show("waiting", said);
              this.page.tries = 0;
              await wait(seconds * 1000, this.abort.signal);
            }
          }

          async fetch(url, options) {
            try {
              return await fetch(url, options);
            } catch {
              throw sentence("The server can't be reached.", true);
            }
          }

          refusal(status, said) {
            switch (status) {
              case 401: return sentence(`The access token was not accepted. ${said}`);
              case 403: return sentence(`The access token does not permit this. ${said}`);
              default: return sentence(said || `The server refused with status ${status}.`, status === 429 || status >= 500);
            }
          }

          say(text) {
            this.text = text;
            if (this.pc.connectionState === "connected") this.connectionChanged();
          }

          connectionChanged() {
            if (this.page.session !== this) return;
            switch (this.pc.connectionState) {
              case "connected":
                this.connectedAt ??= performance.now();
                this.page.show("connected", this.text);
                break;
              case "disconnected":
              case "failed":
                this.hasFailed ||= this.pc.connectionState === "failed";
                this.page.show("disconnected", "The connection is interrupted. Connecting again…");
                this.restart().catch((error) => { if (!this.abort.signal.aborted) this.page.fail(error); });
                break;
            }
          }

          // An ICE restart (RFC 9725 §4.3.3): the ends exchange credentials, everything else stays.
          async restart() {
            if (this.isRestarting || !this.resource) return;
            this.isRestarting = true;
            try {
              const answer = await this.exchange();
              this.abort.signal.throwIfAborted();
              // The server may have been started anew. And a connection that had failed comes back in Firefox (153), but neither media nor
              // reports ever leave by it again.
              if (answer === null || this.hasFailed) await this.page.startOver();
              else await this.pc.setRemoteDescription({ type: "answer", sdp: answer });
            } finally {
              this.isRestarting = false;
            }
          }

          // Tries until the server answers: the network may be away, and come back as another one. Each try is a new offer, so that
          // the addresses in it are those of the network by which the answer came. → the answer, or null where the server has no such session.
          async exchange() {
            const value = (sdp, name) => sdp.match(new RegExp(`^a=${name}:(.*?)\\r?$`, "m"))?.[1];
            for (;;) {
              if (this.pc.signalingState === "have-local-offer") await this.pc.setLocalDescription({ type: "rollback" });
              await this.pc.setLocalDescription(await this.pc.createOffer({ iceRestart: true }));
              const local = this.pc.localDescription.sdp;
              const media = local.match(/^m=.*$/m)?.[0].trim();
              const credentials = ["ice-ufrag", "ice-pwd"].map((name) => `a=${name}:${value(local, name)}`);
              try {
                const said = await this.patch([...credentials, media, `a=mid:${value(local, "mid")}`, ""].join("\r\n"));
                if (said === null) return null;
                return this.pc.remoteDescription.sdp.replace(/^a=(ice-ufrag|ice-pwd):.*$/gm, (_, name) => `a=${name}:${value(said, name)}`);
              } catch (error) {
                this.abort.signal.throwIfAborted();
                if (error.isSentence && !error.isTemporary) throw error;
                await wait(500, this.abort.signal);
              }
            }
          }

          async patch(fragment) {
            const response = await fetch(this.resource, {
              method: "PATCH",
              headers: { ...this.headers("application/trickle-ice-sdpfrag"), "If-Match": "*" },
              body: fragment,
              signal: AbortSignal.any([this.abort.signal, AbortSignal.timeout(2000)]),
            });
            const said = await response.text();
            if (response.status === 404) return null;
            if (response.status !== 200) throw sentence(`The connection was lost. ${said.trim()}`, response.status >= 500);
            this.entityTag = response.headers.get("ETag");
            return said;
          }

          leave() {
            this.abort.abort();
            this.pc.close();
            if (!this.resource) return;
            const headers = { Authorization: `Bearer ${this.page.token}` };
            fetch(this.resource, { method: "DELETE", headers, keepalive: true }).catch(() => {});
            this.resource = null;
          }
        }

        """#
}
