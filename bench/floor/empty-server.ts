import { createServer } from "node:http";
import express from "express";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { reportReady, setting } from "./report-ready.ts";

/** The packages that any such gateway needs, connected and listening, and nothing of its own. */
const redis = new Redis(setting("REDIS_URL"));
await redis.ping();
const server = createServer(express());
new Server(server, { transports: ["websocket"], serveClient: false });
await reportReady(server);
