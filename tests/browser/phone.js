// A phone in a page: JsSIP, and what a test wants to know of it.
import JsSIP from "jssip";

window.makePhone = (server, user, password, domain, instance) => {
  const told = [];
  const phone = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(server)],
    uri: `sip:${user}@${domain}`,
    password,
    instance_id: instance,
    session_timers: false,
    register_expires: 120,
  });
  for (const name of ["connected", "disconnected", "registered", "unregistered", "registrationFailed"]) {
    phone.on(name, (event) => told.push(event && event.cause ? `${name}: ${event.cause}` : name));
  }
  const watch = (session) => {
    for (const name of ["progress", "accepted", "confirmed", "ended", "failed"]) {
      session.on(name, (event) => told.push(event && event.cause ? `${name}: ${event.cause}` : name));
    }
  };
  phone.on("newRTCSession", ({ originator, session }) => {
    window.session = session;
    watch(session);
    told.push(originator === "remote" ? "called" : "calling");
    if (originator === "remote" && !window.onlyRings) {
      session.answer({ mediaConstraints: { audio: true, video: false } });
    }
  });
  window.phone = phone;
  window.told = told;
  window.dial = (target) => phone.call(target, { mediaConstraints: { audio: true, video: false } });
  // How much sound has come, in packets.
  window.heard = async () => {
    let packets = 0;
    (await window.session.connection.getStats()).forEach((each) => {
      if (each.type === "inbound-rtp") packets += each.packetsReceived;
    });
    return packets;
  };
  phone.start();
};
