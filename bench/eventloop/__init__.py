"""What an event loop's own operations cost, under asyncio, uvloop and rgunicorn.eventloop."""
