// imapflow: one account, read and changed as the object on stdin says; what it saw, as an object on stdout.
"use strict";

const { ImapFlow } = require("imapflow");

async function main(how) {
    const client = new ImapFlow({
        host: "localhost",
        port: how.port,
        secure: true,
        tls: { ca: how.certificate },
        auth: { user: how.user, pass: how.secret },
        logger: false,
    });
    await client.connect();
    const seen = { mailboxes: (await client.list()).map((one) => one.path), messages: [] };
    const lock = await client.getMailboxLock("INBOX");
    try {
        const all = client.mailbox.exists ? "1:*" : ""; // an empty mailbox has no `*` (rfc3501#9)
        for await (const one of client.fetch(all, { uid: true, source: true, envelope: true, bodyStructure: true }))
            seen.messages.push({
                uid: one.uid,
                source: (one.source ?? Buffer.alloc(0)).toString("base64"), // it has none where there are no octets
                subject: one.envelope.subject,
            });
        if (how.changes) await change(client, how.changes, seen);
    } finally {
        lock.release();
    }
    await client.logout();
    return seen;
}

async function change(client, changes, seen) {
    await client.messageFlagsAdd(changes.flag, ["\\Flagged", "$Work"], { uid: true });
    seen.found = await client.search({ flagged: true }, { uid: true });
    seen.moved = [...(await client.messageMove(changes.move, "Archive", { uid: true })).uidMap.values()];
    await client.messageDelete(changes.delete, { uid: true });
    const told = new Promise((resolve) => client.once("exists", resolve));
    const idling = client.idle(); // ends with the next command
    await client.append("Sent", Buffer.from(changes.append, "base64"), ["\\Seen"]);
    await client.append("INBOX", Buffer.from(changes.append, "base64"));
    seen.exists = (await told).count;
    await idling;
}

let text = "";
process.stdin.on("data", (piece) => (text += piece));
process.stdin.on("end", () =>
    main(JSON.parse(text)).then(
        (seen) => process.stdout.write(JSON.stringify(seen)),
        (error) => {
            console.error(error);
            process.exit(1);
        },
    ),
);
