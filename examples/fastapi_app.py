"""The refund desk behind HTTP. In this folder, with a model's key and a token of yours in the environment:

DESK_MODEL=openai:gpt-5 DESK_TOKEN=... uvicorn --factory fastapi_app:from_environment
"""

import os
from collections.abc import Mapping
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from refund_desk import open_desk

from licet import Answered, InDoubt, LicetError, Principal, RunFailed, RunResult, Runtime, Stopped, Suspended
from licet.runtime.errors import UnknownRun


class Ticket(BaseModel):
    """What a customer wrote."""

    text: str


def told(result: RunResult, response: Response) -> dict[str, Any]:
    """What the customer's page is told of a run. One that waits is accepted, and not done."""
    match result:
        case Answered(run_id=run, message=message, answer=answer):
            return {"run": run, "state": "answered", "message": message, "answer": answer}
        case Suspended(run_id=run, detail=detail) | InDoubt(run_id=run, cause=detail):
            response.status_code = 202
            return {"run": run, "state": "waiting", "message": detail}
        case Stopped(run_id=run, reason=reason) | RunFailed(run_id=run, reason=reason):
            return {"run": run, "state": "stopped", "message": reason}


def make_app(runtime: Runtime, callers: Mapping[str, Principal]) -> FastAPI:
    """The app. `callers` are principals by bearer token; docs/authorization.md proves them by JWTs."""
    app = FastAPI(lifespan=runtime.lifespan)

    def caller(given: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> Principal:
        for token, principal in callers.items():
            if compare_digest(token.encode(), given.credentials.encode()):
                return principal
        raise HTTPException(401, "This token is not known.")

    @app.exception_handler(LicetError)
    async def refused(request: Request, error: LicetError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=409)

    @app.post("/runs")
    async def start(
        ticket: Ticket, principal: Annotated[Principal, Depends(caller)], response: Response
    ) -> dict[str, Any]:
        return told(await runtime.run("refund-desk", ticket.text, principal), response)

    @app.post("/runs/{run_id}/resume")
    async def resume(
        run_id: str, principal: Annotated[Principal, Depends(caller)], response: Response
    ) -> dict[str, Any]:
        try:
            return told(await runtime.resume(run_id, principal=principal), response)
        except UnknownRun:
            raise HTTPException(404, "You have no such run.") from None

    return app


def from_environment() -> FastAPI:
    """The app over a model that pydantic-ai knows by name, for one caller."""
    from pydantic_ai.models import infer_model

    desk = open_desk(infer_model(os.environ["DESK_MODEL"]), Path.cwd())
    return make_app(desk, {os.environ["DESK_TOKEN"]: Principal("customer-1")})
