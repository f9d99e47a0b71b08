"""From a request to its answer: read, allowed, done, or refused."""

from __future__ import annotations

import logging
import threading
import traceback
import uuid
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

from botocore.model import ServiceModel

from harness.cloud import query
from harness.cloud.cloudformation_api.actions import OPERATIONS
from harness.cloud.cloudformation_api.request import Caller, Request
from harness.cloud.cloudformation_api.signals import FOR_INSTANCES, check_caller
from harness.cloud.query import QueryError, Response
from harness.cloudformation.hiding import masked
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine
from harness.errors import HarnessError

_LOG = logging.getLogger(__name__)

NAMESPACE: Final = "http://cloudformation.amazonaws.com/doc/2010-05-15/"


class CloudFormationApi:
    """Answers the requests of every region.

    Args:
        engine_for: The stack engine of a region.
        fetch_template: The body behind a ``TemplateURL``; raises HarnessError where there is none.
        stack_of_instance: The id of the stack that an instance belongs to, where it is none of the
            stack's resources itself but of a group that is one; None for no stack's.
    """

    def __init__(
        self,
        engine_for: Callable[[str], StackEngine],
        fetch_template: Callable[[str], str],
        stack_of_instance: Callable[[str], str | None] = lambda _instance_id: None,
    ) -> None:
        self._engine_for = engine_for
        self._fetch_template = fetch_template
        self._stack_of_instance = stack_of_instance
        self._loading = threading.Lock()

    @cached_property
    def _service(self) -> ServiceModel:
        return query.load_service("cloudformation")

    def handle(self, form: Mapping[str, str], *, region: str, caller: Caller) -> Response:
        """Answer one request.

        Args:
            form: The request's parameters, of the query string or of the body.
            region: The region it was sent to.
            caller: Who asks; whoever calls this has checked it.
        """
        request_id = str(uuid.uuid4())
        as_json = form.get("ContentType", "").upper() == "JSON"
        try:
            return self._answer(form, region, caller, request_id, as_json=as_json)
        except QueryError as error:
            refused = error
        except RequestRefused as error:
            refused = QueryError(error.message, code=error.code, status=error.status)
        except HarnessError as error:
            refused = QueryError(error.message)
        except Exception as error:  # noqa: BLE001 - a client never sees a traceback
            values = [value for key, value in form.items() if key.endswith("ParameterValue")]
            _LOG.error(  # the traceback is in it, without secrets
                "a request could not be answered\n%s", masked(traceback.format_exc(), values)
            )
            refused = QueryError(
                f"The request could not be answered: {type(error).__name__}", code="InternalFailure"
            )
        return query.failure(refused, NAMESPACE, request_id, as_json=as_json)

    def _answer(
        self,
        form: Mapping[str, str],
        region: str,
        caller: Caller,
        request_id: str,
        *,
        as_json: bool,
    ) -> Response:
        action = form.get("Action", "")
        with self._loading:
            service = self._service
        if action not in service.operation_names:
            raise QueryError(
                f"Could not find operation {action} for version {form.get('Version', '')}",
                code="InvalidAction",
            )
        operation = OPERATIONS.get(action)
        if operation is None:
            raise QueryError(f"{action} is not simulated", code="UnsupportedOperation")
        if caller.instance_id and action not in FOR_INSTANCES:
            raise QueryError(
                f"Instance {caller.instance_id} is not authorized to perform "
                f"cloudformation:{action} by its identity document",
                code="AccessDenied",
                status=403,
            )
        model = service.operation_model(action)
        request = Request(
            engine=self._engine_for(region),
            parameters=query.parse(form, model),
            caller=caller,
            fetch_template=self._fetch_template,
            stack_of_instance=self._stack_of_instance,
        )
        check_caller(request)
        return query.result(model, operation(request), request_id, as_json=as_json)
