extension Pages {
    static let publish = page(
        title: "Publish", script: "/assets/publish.js",
        body: """
            <video data-testid="video" autoplay muted playsinline></video>
            \(controls)
            """)

    /// What both pages have below the picture.
    static let controls = """
        <p data-testid="status" role="status">Ready.</p>
        <form>
        <label>Room <input name="room" autocomplete="off" required></label>
        <label>Access token <input name="token" autocomplete="off" required></label>
        </form>
        <button type="button" data-testid="start">Start</button>
        <button type="button" data-testid="stop" disabled>Stop</button>
        """

    static let publishScript = #"""
        import { Page, Session, preferCodec, sentence } from "/assets/session.js";

        const page = new Page();
        const { parameters } = page;

        // One constraint set each for one picture and for three layers of it.
        function constraints() {
          const simulcast = parameters.get("simulcast") === "1";
          const video = simulcast
            ? { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } }
            : { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
          return { audio: parameters.get("audio") !== "0", video: parameters.get("video") !== "0" && video };
        }

        // From the smallest to the largest; a receiver must not rely on the order.
        function layers(codec) {
          const mode = codec === "VP9" || codec === "AV1" ? { scalabilityMode: "L1T1" } : {};
          return [
            { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000, ...mode },
            { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000, ...mode },
            { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_700_000, ...mode },
          ];
        }

        async function camera() {
          const wanted = constraints();
          if (!wanted.audio && !wanted.video) throw sentence("Nothing to publish: audio=0 and video=0.");
          if (!navigator.mediaDevices?.getUserMedia) {
            throw sentence("This page may not use the camera: open it by https or on localhost.");
          }
          try {
            return await navigator.mediaDevices.getUserMedia(wanted);
          } catch (error) {
            switch (error.name) {
              case "NotAllowedError": throw sentence("The browser was not allowed to use the camera and the microphone.");
              case "NotFoundError": throw sentence("No camera or microphone was found.");
              case "NotReadableError": throw sentence("The camera or the microphone is in use by another program.");
              default: throw sentence(`The camera could not be opened (${error.name}).`);
            }
          }
        }

        let stream = null;

        async function open() {
          page.show("asking", "Asking for the camera and the microphone…");
          stream = await camera();
          page.video.srcObject = stream;
          page.onstop = () => {
            for (const track of stream.getTracks()) track.stop();
            stream = page.video.srcObject = null;
          };
        }

        page.onstart = async () => {
          if (!stream) await open();
          const codec = parameters.get("codec");
          const session = new Session(page, `/whip/${encodeURIComponent(page.room)}`);
          for (const track of stream.getTracks()) {
            const options = { direction: "sendonly", streams: [stream] };
            if (track.kind === "video" && parameters.get("simulcast") === "1") options.sendEncodings = layers(codec);
            const transceiver = session.pc.addTransceiver(track, options);
            if (track.kind === "video" && codec) preferCodec(transceiver, codec);
          }
          await session.start("Publishing.");
        };

        page.ready();

        """#
}
