extension Pages {
    static let watch = page(
        title: "Watch", script: "/assets/watch.js",
        body: """
            <video data-testid="video" autoplay playsinline controls></video>
            \(controls)
            """)

    static let watchScript = #"""
        import { Page, Session, preferCodec } from "/assets/session.js";

        const page = new Page();
        const { parameters } = page;

        page.onstart = async () => {
          const stream = new MediaStream();
          page.onstop = () => { page.video.srcObject = null; };
          const identity = parameters.get("identity");
          const path = `/whep/${encodeURIComponent(page.room)}` + (identity ? `/${encodeURIComponent(identity)}` : "");
          const session = new Session(page, path);
          session.pc.addEventListener("track", (event) => {
            stream.addTrack(event.track);
            // Not before there is a track: an element that waits for its first keeps the page loading.
            page.video.srcObject = stream;
            // Browsers that don't start sound on their own do start a silent picture.
            page.video.play().catch(() => {
              page.video.muted = true;
              session.say("Watching, without sound: turn it on in the player.");
              return page.video.play().catch(() => {});
            });
          });
          if (parameters.get("video") !== "0") {
            const transceiver = session.pc.addTransceiver("video", { direction: "recvonly" });
            if (parameters.get("codec")) preferCodec(transceiver, parameters.get("codec"));
          }
          if (parameters.get("audio") !== "0") session.pc.addTransceiver("audio", { direction: "recvonly" });
          await session.start("Watching.");
        };

        page.ready();

        """#
}
